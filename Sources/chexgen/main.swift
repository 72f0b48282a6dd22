import CSupport
import Files
import Foundation
import Runs

StandardStreams.open()
Signals.ignoreBrokenPipes()
cx_calm_threads(CommandLine.unsafeArgv)
setvbuf(stdout, nil, _IOLBF, 0)
var status = Program.main(Array(CommandLine.arguments.dropFirst()))
// What was printed may be the result: a pipe or a disk that did not take it is an error.
// Whoever closes the pipe of a command that prints and does nothing else, as `head` does, has read what they wanted.
var output = pollfd(fd: STDOUT_FILENO, events: Int16(POLLOUT), revents: 0)
let isClosed = poll(&output, 1, 0) == 1 && output.revents & Int16(POLLERR) != 0
let isRead = isClosed && CommandLine.arguments.dropFirst().first != "run"
if fflush(stdout) != 0 || ferror(stdout) != 0, !isRead {
    StandardStreams.writeError("chexgen: standard output could not be written\n")
    if status == 0 { status = 1 }
}
exit(status)
