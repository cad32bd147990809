"""Early warning against what really came: alarms, false alarms and lead times over worlds."""
