"""What a reader can choose: methods, settings and the configuration file, each checked."""
