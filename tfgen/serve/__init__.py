"""The embedded server: what tfgen exported, behind TensorFlow Serving's REST and gRPC interfaces.

target.py         a run, a folder of exports or a models.config -> which models to serve
configuration.py  what a configuration may say, and which versions it asks for
manager.py        which versions of them are loaded
servable.py       one loaded version
batching.py       when and with whom a request runs
predictor.py      a request -> an answer, whichever way it came
rest.py rpc.py    the two ways in
server.py         all of it on two ports, from start to graceful end
"""
