# A cable from this machine to another one. Both are network namespaces: this
# shell is in the first one, and $1 is the number of a process in the other.
set -e
ip link set lo up
ip link add eth0 type veth peer name eth0 netns "$1"
ip addr add 192.168.7.1/24 dev eth0
ip link set eth0 up
nsenter -t "$1" -n sh -ec '
    ip link set lo up
    ip addr add 192.168.7.2/24 dev eth0
    ip link set eth0 up'
