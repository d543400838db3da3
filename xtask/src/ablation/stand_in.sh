#!/bin/sh
# Ends as `gan` may, for the tests beside it: the second word says how.
case "$1 $2" in
modes*) echo '{"covered": 8, "modes": 8, "good": 0.98, "reverse_kl": 0.002, "samples": 2500}' ;;
*works) mkdir -p "$4" && echo "a picture" >"$4/picture" ;;
*diverges) mkdir -p "$4" && echo "loss" >&2 && echo "gan: the gradient was not finite" >&2 && exit 1 ;;
*fails) echo "gan: no space left" >&2 && exit 1 ;;
*refused) echo "gan: vanilla.x: no" >&2 && exit 2 ;;
*interrupted) exit 130 ;;
*) exit 1 ;;
esac
