# shellcheck shell=bash
# Read by bash before a script, by BASH_ENV: kills the script and all it has started at one of the commands that change
# something. KILL_AT is the number of the command; KILL_CALL, if it is not 0, the system call in it.
# shellcheck disable=SC2154 # assigned in the trap
set -o functrace
trap 'case ${BASH_COMMAND%% *} in
cat | chmod | chown | cp | find | head | install | mkdir | mv | rm | rmdir | sed | sync | systemctl | systemd-* | touch | groupdel | userdel | usermod | *new*)
    read -r count <"$KILL_COUNT"
    echo $((count + 1)) >"$KILL_COUNT"
    if ((count + 1 == KILL_AT)); then
        ended=137
        if ((KILL_CALL > 0)); then
            ended=0
            eval "strace -f -qq -o $KILL_COUNT.strace -e inject=$KILL_CALLS:signal=KILL:when=$KILL_CALL $BASH_COMMAND" ||
                ended=$?
        fi
        printf "%s\n%s\n" "$ended" "$BASH_COMMAND" >"$KILL_COUNT.ended"
        kill -KILL -- -$$
    fi
    ;;
esac' DEBUG
