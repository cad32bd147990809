"""Shadow scoring: what a challenger would have said beside what the champion said."""
