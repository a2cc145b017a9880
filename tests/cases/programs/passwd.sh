#!/bin/bash
# Changing a password: two silent questions that must agree, three tries.
for try in 1 2 3; do
  read -r -s -p "New password: " a; echo
  read -r -s -p "Retype new password: " b; echo
  if [ "$a" = "$b" ]; then echo "password of ${#a} characters updated 1259"; exit 0; fi
  echo "Passwords do not match, try again."
done
exit 10
