"""Networks of layers: grammar, layer types, sizes and costs, tables, shipped networks."""
