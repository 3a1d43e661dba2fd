"""What a network costs beyond parameters and MACs: training memory, memory traffic, time on a device."""
