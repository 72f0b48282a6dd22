import Foundation
import Tensors
import TestSupport
import Testing

extension SerialTests {
    /// Every operation against PyTorch, over dtypes, strides and shapes.
    /// `CHEXGEN_TENSOR_CASES` names another file of `Tests/Parity/generators/tensors_ops.py`, for fuzzing.
    @Suite struct ParityTests {
        @Test func operationsEqualPyTorch() throws {
            let fixture = URL(fileURLWithPath: Places.fixtures("tensors/ops.bin"))
            let other = ProcessInfo.processInfo.environment["CHEXGEN_TENSOR_CASES"].map { URL(fileURLWithPath: $0) }
            let cases = try ParityCase.read(other ?? fixture)
            #expect(cases.count > 300)
            for item in cases {
                do {
                    if let difference = try item.difference(try item.results()) {
                        Issue.record("\(item.line)\n\(difference)")
                    }
                } catch {
                    Issue.record("\(item.line)\n\(error)")
                }
            }
        }
    }
}
