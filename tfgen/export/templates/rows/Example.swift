// Makes rows with a TFLite file of $name on iOS. Not compiled where it was written.
// Podfile: pod 'TensorFlowLiteC'. Add $file and columns.json to the app's bundle.
// The C interface is used because TensorFlowLiteSwift's Interpreter can't call a signature by its name.

import Foundation
import TensorFlowLiteC

final class RowGenerator {
    private let model: OpaquePointer
    private let interpreter: OpaquePointer
    private let runner: OpaquePointer
    private let columns: [[String: Any]]

    init() throws {
        let bundle = Bundle.main
        let file = bundle.path(forResource: "$stem", ofType: "tflite")!
        let content = try Data(contentsOf: bundle.url(forResource: "columns", withExtension: "json")!)
        columns = try JSONSerialization.jsonObject(with: content) as! [[String: Any]]
        model = TfLiteModelCreateFromFile(file)!
        interpreter = TfLiteInterpreterCreate(model, nil)!
        runner = TfLiteInterpreterGetSignatureRunner(interpreter, "generate")!
    }

    deinit {
        TfLiteSignatureRunnerDelete(runner)
        TfLiteInterpreterDelete(interpreter)
        TfLiteModelDelete(model)
    }

    /// The same seed and values give the same row as on a server. `asked` has categories by column.
    func generate(seed: Int32, asked: [String: String] = [:]) -> [String: Any?] {
        var given = [Int32](repeating: -1, count: $fields)
        for (place, column) in columns.enumerated() {
            guard let value = asked[column["name"] as! String], let values = column["values"] as? [String] else { continue }
            if let token = values.firstIndex(of: value) { given[place] = Int32(token) }
        }
        TfLiteSignatureRunnerResizeInputTensor(runner, "seed", [1], 1)
        TfLiteSignatureRunnerResizeInputTensor(runner, "given", [1, Int32(given.count)], 2)
        TfLiteSignatureRunnerAllocateTensors(runner)
        fill("seed", with: [seed])
        fill("given", with: given)
        TfLiteSignatureRunnerInvoke(runner)
        var tokens = [Int32](repeating: 0, count: $fields), numbers = [Float](repeating: 0, count: $fields)
        let of = TfLiteSignatureRunnerGetOutputTensor
        _ = tokens.withUnsafeMutableBytes { TfLiteTensorCopyToBuffer(of(runner, "tokens"), $$0.baseAddress, $$0.count) }
        _ = numbers.withUnsafeMutableBytes { TfLiteTensorCopyToBuffer(of(runner, "numbers"), $$0.baseAddress, $$0.count) }
        var row: [String: Any?] = [:]
        for (place, column) in columns.enumerated() {
            let name = column["name"] as! String
            if let missing = column["missing"] as? Int, Int(tokens[place]) == missing { row[name] = .some(nil) }
            else if let values = column["values"] as? [String] { row[name] = values[Int(tokens[place])] }
            else { row[name] = Double(numbers[place]) + (column["base"] as! Double) }
        }
        return row
    }

    private func fill(_ name: String, with values: [Int32]) {
        let tensor = TfLiteSignatureRunnerGetInputTensor(runner, name)
        _ = values.withUnsafeBytes { TfLiteTensorCopyFromBuffer(tensor, $$0.baseAddress, $$0.count) }
    }
}
