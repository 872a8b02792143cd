"""From null spaces to pictures: other content in the part that a model ignores, in whole levels from 0 to 255."""
