import CLua
import CSupport
import Files
import Foundation

/// One Lua state with its limits and its sandbox.
///
/// Use it from one thread at a time. Scripts get an allow-list of Lua's libraries, text chunks only, files that can be
/// written only in the folders that are allowed, and `pairs` in a fixed order (sorted by key), so that what a script
/// computes does not change from run to run.
public final class LuaHost {
    /// The modules that were registered, in order.
    public internal(set) var modules: [LuaModuleDeclaration] = []

    var classes = ClassRegistry()
    private(set) var lua: OpaquePointer?
    private let options: LuaOptions
    /// The script files that were run.
    let scripts = ScriptFiles()
    private var closeWhenIdle = false
    /// The last error that a Swift function threw into Lua, to be recognised when it comes out again.
    private var lastThrown: (message: String, error: Error)?
    private let dropLock = NSLock()
    private var dropped: [Int32] = []

    /// Opens a state and its sandbox.
    /// - Throws: `LuaError` where there is no memory for it, or where `CHEXGEN_MEMORY_LIMIT` is no number.
    public init(_ options: LuaOptions = LuaOptions()) throws {
        _ = try LuaOptions.environmentLimit()
        self.options = options
        let limits = cx_lua_limits(
            memory: Int64(max(0, options.memoryLimit ?? 0)), seconds: max(0, options.timeLimit ?? 0),
            instructions: Int64(max(0, options.instructionLimit ?? 0)))
        let callbacks = cx_callbacks(
            context: Unmanaged.passUnretained(self).toOpaque(),
            call: { context, native, nodes, count, results in
                LuaHost.callback(context, native, nodes, count, results)
            },
            discard: { object, close in LuaHost.discard(object, close) },
            outside_bytes: options.outsideBytes,
            may_read: { path in path.map { ReadDoor.lets(String(cString: $0)) } ?? ReadDoor.isOpen },
            opened: { context, path, writes in LuaHost.opened(context, path, writes) },
            required: { context, caller, name in LuaHost.required(context, caller, name) })
        lua = cx_lua_open(limits, callbacks)
        guard lua != nil else { throw LuaError("not enough memory to open Lua") }
        try install()
        for folder in options.writableFolders { addWritableFolder(folder) }
    }

    deinit { closeNow() }

    private func install() throws {
        let finder = ModuleFinder(
            folders: options.searchFolders, missingHint: options.missingModuleHint
        ) { [scripts, options] name, path, bytes in
            try options.moduleWasFound?(path, bytes)
            scripts.add(path, bytes, module: name)
        }
        let output = options.output
        try perform("the sandbox") { lua, writer in
            writer.write(native: NativeFunction { try finder.find($0) })
            if let output {
                writer.write(
                    native: NativeFunction { values in
                        output(values.first?.printable ?? "")
                        return []
                    })
            } else {
                try writer.write(.nil)
            }
            try writer.write(.table(LuaTable(array: options.arguments.map { .string($0) })))
            return cx_lua_install(lua)
        }
    }

    /// Sets a global variable.
    /// - Throws: `LuaError` where the value cannot be given to Lua.
    public func setGlobal(_ name: String, _ value: LuaValue) throws {
        try perform("the global '\(name)'") { lua, writer in
            try writer.write(value)
            return cx_lua_set_global(lua, name)
        }
    }

    /// Lets scripts read, write, rename and remove files below a folder, which must exist.
    public func addWritableFolder(_ path: String) {
        guard let lua, let resolved = realpath(path, nil) else { return }
        _ = cx_lua_allow_folder(lua, resolved)
        free(resolved)
        ReadDoor.letIn(path)
    }

    /// Checks that a script may write to a path, before Swift writes it for the script.
    /// - Throws: `LuaError` with the path and the reason.
    public func checkWritable(_ path: String) throws {
        guard let lua else { throw LuaError("the Lua state is closed") }
        if let reason = cx_lua_writable(lua, path) { throw LuaError("\(path): \(String(cString: reason))") }
        try willWrite(path)
    }

    /// Whether a script may write to a path; nothing is said to be written.
    public func mayWrite(_ path: String) -> Bool { lua.map { cx_lua_writable($0, path) == nil } ?? false }

    /// Says that a file will be written for a script.
    /// - Throws: what `fileWasOpened` of the options throws.
    public func willWrite(_ path: String) throws { try options.fileWasOpened?(path, true) }

    /// One hash of what a function of a script computes: of the files that given functions stand in, and of that which calls, with all
    /// that they require; the program's own library is left out. Nil where that is no file.
    public func scriptHash(of functions: [LuaFunction], andCaller path: LuaCaller? = nil) -> String? {
        guard let lua else { return nil }
        // Functions of the program, and of texts, stand in no file.
        let files = functions.compactMap { cx_lua_function_path(lua, $0.reference).map { String(cString: $0) } }
        return scripts.hash(of: files.map { $0 } + (path.map { [$0.path] } ?? []))
    }

    /// The script file that called the function which is running.
    public var caller: LuaCaller {
        LuaCaller(path: lua.flatMap { cx_lua_caller_path($0).map { String(cString: $0) } })
    }

    /// Forgets a request to stop, so that another script can run: for a prompt, after Ctrl-C.
    public static func clearStop() { cx_clear_stop() }

    /// Asks running scripts and running native work to stop; from a signal handler call `cx_request_stop` instead.
    public static func requestStop(_ reason: LuaStop = .interrupt) { cx_request_stop(Int32(reason.rawValue)) }

    /// Bytes that live objects in Lua hold outside of its heap.
    public var externalBytes: Int { lua.map { Int(cx_lua_external_bytes($0)) } ?? 0 }

    /// Closes the state and everything in it; within a call from Lua, when that has ended. Later calls throw.
    public func close() {
        if let lua, cx_lua_running(lua) {
            closeWhenIdle = true
        } else {
            closeNow()
        }
    }

    private func closeNow() {
        guard let closing = lua else { return }
        lua = nil
        cx_lua_close(closing)
    }

    /// For tests: makes allocations fail, after so many more.
    @_spi(Testing) public func failAllocations(after count: Int) {
        if let lua { cx_lua_fail_after(lua, Int64(count)) }
    }

    /// For tests: how many values lie on the main stack.
    @_spi(Testing) public var stackHeight: Int { lua.map { Int(cx_lua_stack_height($0)) } ?? 0 }
}

/// A script file that called a function of the program; which one, is not always known.
public struct LuaCaller: Sendable {
    let path: String?
}

// MARK: Calls into Lua

extension LuaHost {
    /// Fills the input, runs one operation on it, and throws what went wrong.
    func perform(_ what: String, _ body: (OpaquePointer, TapeWriter) throws -> Int32) throws {
        let lua = try opened()
        let status = try withExtendedLifetime(self) {
            try body(lua, TapeWriter(tape: cx_lua_input(lua), host: self))
        }
        if status != CX_DONE.rawValue { throw failure(lua) }
    }

    /// The open state, with the references that were dropped in the meantime released.
    func opened() throws -> OpaquePointer {
        guard let lua else { throw LuaError("the Lua host is closed") }
        releaseDropped(lua)
        return lua
    }

    func call(_ function: LuaFunction, _ arguments: [LuaValue]) throws -> [LuaValue] {
        // What was thrown before this call, and caught by the script, is not the cause of what fails in it.
        lastThrown = nil
        try perform("a call") { lua, writer in
            try writer.write(arguments)
            return cx_lua_call(lua, function.reference)
        }
        defer { closeIfAsked() }
        return try output()
    }

    /// The values that the last operation gave.
    func output() throws -> [LuaValue] {
        guard let lua else { return [] }
        var count = 0
        let nodes = cx_lua_output(lua, &count)
        return try TapeReader.read(nodes, count: count, host: self)
    }

    /// The error that the last operation left.
    func failure(_ lua: OpaquePointer) -> LuaError {
        let parts = (try? output()) ?? []
        func part(_ index: Int) -> LuaValue { index < parts.count ? parts[index] : .nil }
        var error = LuaError(part(0).printable)
        error.valueNumber = cx_lua_error_value(lua)
        error.traceback = part(1).stringValue
        error.locate(file: part(2).stringValue, line: part(3).integerValue)
        if let stop = LuaStop(rawValue: Int(cx_lua_stop(lua))) {
            error = stop.error(options: options, at: error)
        } else if let thrown = lastThrown, !thrown.message.isEmpty, error.message.hasSuffix(thrown.message) {
            let inner = thrown.error as? LuaError
            error.cause = inner == nil ? thrown.error : inner?.cause
            if let traceback = inner?.traceback { error.traceback = Self.calls(traceback, within: error.traceback) }
            error.leaveOutOwnPlace(options.ownFolders, raisedIn: part(2).stringValue)
        }
        lastThrown = nil
        closeIfAsked()
        return error
    }

    /// The calls of a function that Swift called, and those that led to Swift, each once: the former mostly tell the latter, too.
    private static func calls(_ inner: String, within outer: String?) -> String {
        guard let outer, !outer.isEmpty else { return inner }
        let calls = outer.drop { $0 != "\n" }
        return inner.hasSuffix(calls) ? inner : inner + "\n" + outer
    }

    private func closeIfAsked() {
        if closeWhenIdle, let lua, !cx_lua_running(lua) { closeNow() }
    }

    /// Lets go of a function; from any thread.
    func drop(_ reference: Int32) { dropLock.withLock { dropped.append(reference) } }

    private func releaseDropped(_ lua: OpaquePointer) {
        let references = dropLock.withLock {
            let references = dropped
            dropped.removeAll(keepingCapacity: true)
            return references
        }
        for reference in references { cx_lua_release(lua, reference) }
    }
}

// MARK: Calls from Lua

extension LuaHost {
    private static func callback(
        _ context: UnsafeMutableRawPointer?, _ native: UnsafeMutableRawPointer?, _ nodes: UnsafePointer<cx_node>?,
        _ count: Int, _ results: OpaquePointer?
    ) -> Int32 {
        guard let context, let native, let results else { return 0 }
        let host = Unmanaged<LuaHost>.fromOpaque(context).takeUnretainedValue()
        let function = Unmanaged<NativeFunction>.fromOpaque(native).takeUnretainedValue()
        return host.call(function, nodes, count, results)
    }

    private func call(
        _ function: NativeFunction, _ nodes: UnsafePointer<cx_node>?, _ count: Int, _ results: OpaquePointer
    ) -> Int32 {
        guard let lua else { return 0 }
        releaseDropped(lua)
        let writer = TapeWriter(tape: results, host: self)
        do {
            let arguments = try TapeReader.read(nodes, count: count, host: self)
            try writer.write(try function.body(arguments))
            return 0
        } catch {
            cx_lua_clear(lua, results)
            let message = (error as? LuaError)?.message ?? String(describing: error)
            lastThrown = (message, error)
            if let number = (error as? LuaError)?.valueNumber, number != 0 {
                cx_tape_integer(results, number)
                writer.write(text: message)
                return 3
            }
            writer.write(text: message)
            return (error as? LuaError)?.line == nil ? 1 : 2
        }
    }

    private static func opened(
        _ context: UnsafeMutableRawPointer?, _ path: UnsafePointer<CChar>?, _ writes: Bool
    ) -> UnsafeMutablePointer<CChar>? {
        guard let context, let path else { return nil }
        let host = Unmanaged<LuaHost>.fromOpaque(context).takeUnretainedValue()
        do {
            try host.options.fileWasOpened?(String(cString: path), writes)
            return nil
        } catch {
            let message = String(describing: error)
            host.lastThrown = (message, error)
            return strdup(message)
        }
    }

    private static func required(
        _ context: UnsafeMutableRawPointer?, _ caller: UnsafePointer<CChar>?, _ name: UnsafePointer<CChar>?
    ) {
        guard let context, let name else { return }
        let host = Unmanaged<LuaHost>.fromOpaque(context).takeUnretainedValue()
        host.scripts.requires(String(cString: name), by: caller.map { String(cString: $0) })
    }

    private static func discard(_ pointer: UnsafeMutableRawPointer?, _ close: Bool) {
        guard let pointer else { return }
        let object = Unmanaged<AnyObject>.fromOpaque(pointer).takeRetainedValue()
        if close { (object as? LuaClosable)?.close() }
    }
}
