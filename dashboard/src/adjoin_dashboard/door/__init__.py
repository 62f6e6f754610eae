"""The doors: who asks, where they sign in, and what a form must bring along."""
