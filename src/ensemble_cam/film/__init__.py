"""A radiograph from its file's bytes to grey values, and the way between the film and the networks' grid."""
