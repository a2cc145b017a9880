"""A loop to step through."""

total = 0

for number in (10, 20, 30):
    total += number

print("grand total", total * 2)
