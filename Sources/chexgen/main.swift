import Foundation

setvbuf(stdout, nil, _IOLBF, 0)
exit(Program.main(Array(CommandLine.arguments.dropFirst())))
