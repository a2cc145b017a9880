"""Draw screens as ANSI text, SVG, HTML and PNG."""
