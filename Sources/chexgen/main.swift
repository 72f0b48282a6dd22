import CSupport
import Foundation

cx_calm_threads(CommandLine.unsafeArgv)
setvbuf(stdout, nil, _IOLBF, 0)
exit(Program.main(Array(CommandLine.arguments.dropFirst())))
