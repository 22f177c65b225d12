// Makes rows with a TFLite file of $name on Android. Not compiled where it was written.
// build.gradle: implementation("com.google.ai.edge.litert:litert:1.4.0")
// Put $file and columns.json into src/main/assets.

import android.content.Context
import org.json.JSONArray
import org.tensorflow.lite.Interpreter
import java.nio.ByteBuffer
import java.nio.ByteOrder

class RowGenerator(context: Context) {
    private val interpreter: Interpreter
    private val columns: JSONArray

    init {
        val model = context.assets.open("$file").use { it.readBytes() }
        val buffer = ByteBuffer.allocateDirect(model.size).order(ByteOrder.nativeOrder()).put(model)
        interpreter = Interpreter(buffer, Interpreter.Options().setNumThreads(1))
        columns = JSONArray(context.assets.open("columns.json").bufferedReader().readText())
    }

    /** The same seed and values give the same row as on a server. `asked` has categories by column. */
    fun generate(seed: Int, asked: Map<String, String> = emptyMap()): Map<String, Any?> {
        val given = Array(1) { IntArray($fields) { -1 } }
        for (place in 0 until columns.length()) {
            val column = columns.getJSONObject(place)
            val value = asked[column.getString("name")] ?: continue
            val values = column.getJSONArray("values")
            given[0][place] = (0 until values.length()).first { values.getString(it) == value }
        }
        val tokens = Array(1) { IntArray($fields) }
        val numbers = Array(1) { FloatArray($fields) }
        interpreter.runSignature(
            mapOf("seed" to intArrayOf(seed), "given" to given),
            mutableMapOf<String, Any>("tokens" to tokens, "numbers" to numbers), "generate"
        )
        return (0 until columns.length()).associate { place ->
            val column = columns.getJSONObject(place)
            val token = tokens[0][place]
            column.getString("name") to when {
                !column.isNull("missing") && token == column.getInt("missing") -> null
                column.has("values") -> column.getJSONArray("values").getString(token)
                else -> numbers[0][place] + column.getDouble("base")
            }
        }
    }
}
