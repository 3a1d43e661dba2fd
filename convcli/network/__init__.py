"""Networks of layers: the grammar, the layer types, sizes and costs, the tables, the shipped networks."""
