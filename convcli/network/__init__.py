"""The arithmetic of networks: layers that know their sizes, parameters and costs."""
