"""Where on the film a network's answer comes from: one classifier's maps, and the mean of several."""
