def hook(server):
    pass
