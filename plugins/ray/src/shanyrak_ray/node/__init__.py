"""What runs on the nodes: a program of the standard library alone, for Python 3.9 and later.

Ray is told of one command line and nothing else. The program claims the token in the spool, runs the command, keeps its
limits and writes down what became of it; so a Ray head that restarts has nothing to forget.
"""
