"""The teaching page: lessons, teams that play lines, and the server that shows them."""
