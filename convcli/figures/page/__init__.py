"""A page to play with a filter: its contents, and the HTML, CSS and JavaScript that show them."""
