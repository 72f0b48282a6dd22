import Foundation
import Tensors

/// Arguments that no subcommand takes.
struct Usage: Error {}

/// Says `ready`, then works for every line that arrives, and prints the seconds and what the work gives.
func serve(_ work: () throws -> [Double]) throws {
    print("ready")
    fflush(stdout)
    while readLine() != nil {
        let start = DispatchTime.now().uptimeNanoseconds
        let values = try work()
        let seconds = Double(DispatchTime.now().uptimeNanoseconds - start) / 1e9
        print(([seconds] + values).map { "\($0)" }.joined(separator: " "))
        fflush(stdout)
    }
}

/// Writes a line to standard error.
func complain(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

/// The dtype of an argument.
func dtype(_ arguments: [String], _ index: Int) throws -> DType {
    guard index < arguments.count, let dtype = DType(rawValue: arguments[index]) else { throw Usage() }
    return dtype
}
