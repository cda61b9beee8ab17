"""The teaching set: three small networks' weights, what they were trained on, and the script that made them."""
