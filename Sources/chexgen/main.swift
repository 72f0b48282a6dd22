import CSupport
import Foundation

cx_calm_threads(CommandLine.unsafeArgv)
setvbuf(stdout, nil, _IOLBF, 0)
var status = Program.main(Array(CommandLine.arguments.dropFirst()))
// What was printed may be the result: a pipe or a disk that did not take it is an error.
if fflush(stdout) != 0 || ferror(stdout) != 0 {
    FileHandle.standardError.write(Data("chexgen: standard output could not be written\n".utf8))
    if status == 0 { status = 1 }
}
exit(status)
