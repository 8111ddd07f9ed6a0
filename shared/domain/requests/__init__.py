"""What a request may say: who calls, how often, names, pages, and the words of its errors."""
