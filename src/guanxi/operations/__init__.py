"""Operations on a store that are neither HTTP nor SQL: accounts, sessions and groups."""
