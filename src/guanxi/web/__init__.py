"""What every page shares: layout, components, forms, language, paging, static files. No domain."""
