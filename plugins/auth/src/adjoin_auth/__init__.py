"""Who vouches for people: passwords, second factors and other people's word."""
