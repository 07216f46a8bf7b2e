"""Reports of moves for customers and for those who quote: HTML, PDF, Excel."""
