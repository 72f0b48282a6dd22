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
if fflush(stdout) != 0 || ferror(stdout) != 0 {
    StandardStreams.writeError("chexgen: standard output could not be written\n")
    if status == 0 { status = 1 }
}
exit(status)
