"""What commands print: as text for people, as JSON, and as plain values for pipes."""
