"""What commands report: to a person, as JSON, into a pipe."""
