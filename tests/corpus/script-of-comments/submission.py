# Lab 6
# TODO: everything
