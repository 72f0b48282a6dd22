import COneDNN
import COpenBLAS
import CSupport
import ChexGenLua
import Files
import Runs

extension ProgramIdentity {
    /// The program that is running.
    /// - Parameters:
    ///   - build: the hash of its sources.
    ///   - library: the folder of the Lua library; nil where there is none.
    /// - Throws: `FileError` where the library cannot be read.
    static func current(build: String, library: String?) throws -> ProgramIdentity {
        #if DEBUG
            let configuration = "debug"
        #else
            let configuration = "release"
        #endif
        return ProgramIdentity(
            version: Version.text, build: build, kernels: String(cString: cx_kernel_target()),
            library: try library.map { try LuaLibrary(folder: $0) },
            notes: [
                ("configuration", .string(configuration)),
                ("libraries", .object(libraries.map { (key: $0.name, value: JSON.string($0.version)) })),
            ])
    }

    /// The libraries whose numbers depend on the machine that they run on.
    static var libraries: [(name: String, version: String)] {
        var found: [(name: String, version: String)] = []
        if let version = dnnl_version()?.pointee {
            found.append(("oneDNN", "\(version.major).\(version.minor).\(version.patch)"))
        }
        // "OpenBLAS 0.3.21 …", and the kernels that it chose for this processor.
        let words = String(cString: openblas_get_config()).split(separator: " ")
        let kernels = String(cString: openblas_get_corename())
        found.append(("OpenBLAS", "\(words.count > 1 ? words[1] : "unknown") \(kernels)"))
        return found
    }
}
