import CSupport
import Checkpoints
import Encoders
import Foundation
import Tensors

// Our side of a benchmark: loads a network once, then runs it each time a line arrives, and prints the seconds it took,
// by the clock and of processor time.
// chexgen-bench ENCODER WEIGHTS DTYPE INPUT.npy [OUTPUT.npy]; CHEXGEN_THREADS sets the threads.

cx_calm_threads(CommandLine.unsafeArgv)

func seconds() -> Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

func processorSeconds() -> Double {
    var time = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func run() throws {
    let arguments = CommandLine.arguments
    guard arguments.count >= 5, let dtype = DType(rawValue: arguments[3]) else {
        FileHandle.standardError.write(
            Data("usage: chexgen-bench ENCODER WEIGHTS f32|bf16 INPUT.npy [OUTPUT.npy]\n".utf8))
        exit(2)
    }
    cx_set_threads(Int32(ProcessInfo.processInfo.environment["CHEXGEN_THREADS"] ?? "") ?? cx_threads())
    let encoder = try EncoderRegistry.standard.make(arguments[1], weights: arguments[2], dtype: dtype)
    let input = try NumPyFile.load(arguments[4])
    var output = try encoder.forward(input)
    if arguments.count > 5 { try NumPyFile.save(arguments[5], output) }
    print("ready")
    fflush(stdout)
    while readLine() != nil {
        let start = seconds()
        let busy = processorSeconds()
        output = try encoder.forward(input)
        print(seconds() - start, processorSeconds() - busy)
        fflush(stdout)
    }
}

do { try run() } catch {
    FileHandle.standardError.write(Data("chexgen-bench: \(error)\n".utf8))
    exit(1)
}
