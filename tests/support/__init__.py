"""What tests share: films, networks, reviews, the app and its pages, and servers to fetch from."""
