import Checkpoints
import Files
import Foundation
import Tensors

/// A run of a pipeline between two steps, in a file: after a crash or Ctrl-C it goes on from there, to the same picture.
public enum SavedProcess {
    private static let identityName = "identity"

    /// Writes the state of a process, whole or not at all.
    /// - Parameter identity: what the rest of the run depends on; see `GenerationOptions.identity`.
    /// - Throws: `FileError` where the file cannot be written.
    public static func write(_ process: any GenerationProcess, identity: String, to path: String) throws {
        let bytes = Array(identity.utf8)
        var tensors = try process.state().map { (name: $0.key, tensor: $0.value) }
        tensors.append((identityName, try Tensor(bytes, shape: [bytes.count])))
        try SafeTensors.write(path, tensors)
    }

    /// Goes on with a process that has just begun where a file left off.
    /// - Returns: the steps that are saved; 0 where there is no file, or one of another run, or a damaged one: the
    ///   process then stands at its beginning as before.
    /// - Throws: `FileError` where the file is of this run and holds a state that the process cannot go on from.
    public static func resume(_ process: any GenerationProcess, identity: String, from path: String) throws -> Int {
        guard FileManager.default.fileExists(atPath: path), let file = try? Checkpoint.open(path),
            let saved = try? file[identityName], saved.dtype == .u8,
            try saved.array(UInt8.self) == Array(identity.utf8)
        else { return 0 }
        var state: [String: Tensor] = [:]
        for name in file.names where name != identityName { state[name] = try file[name].clone() }
        do {
            try process.restore(state)
        } catch let error as TensorError {
            if case .stopped = error { throw error }
            throw FileError.malformed(
                path: path, location: "", reason: "\(error); remove the file, and the picture begins anew")
        }
        return process.stepsDone
    }

    /// Removes a file that is of no use any more; one that is not there is no error.
    public static func remove(_ path: String) { unlink(path) }
}
