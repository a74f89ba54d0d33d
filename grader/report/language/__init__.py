"""Reports in other languages than English, by gettext catalogues."""
