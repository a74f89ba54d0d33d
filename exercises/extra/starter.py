# Extra
# TODO, if you like: an improved circle model
