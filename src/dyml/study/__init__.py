"""A study anyone can repeat: many losses, the same network, pictures, batches and steps, several seeds.

`methods` is the table of what is compared, `budgets` says for how long. Heavy imports are left to the modules
that train and draw.
"""
