"""Human readers: what they marked, called and said of films, kept, compared and handed on."""
