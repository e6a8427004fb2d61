"""An account's content: its kinds, their sort keys and their wire shapes. Pure, without I/O."""
