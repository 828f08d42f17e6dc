"""Jobs.

What is asked (`specs`, frozen, without torch), and one module a job that carries it out.
"""
