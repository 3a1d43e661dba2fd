"""Tab completion in bash, zsh and fish: scripts to install, and the values that options complete to."""
