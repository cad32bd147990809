"""What is known about a firm on the day it applies: the data contract and the features."""
