"""Lists every field of BigQuery v2 that callers may send, and its treatment here.

The names are those of Google's discovery document, revision 20261009. tests/devcloud/bigquery/test_resource_fields.py
compares them with the properties of Google's own client.
"""

from __future__ import annotations

from devcloud.bigquery.rest.fields import Resource

_SIZES = (
    "numBytes numRows numPartitions numActiveLogicalBytes numActivePhysicalBytes numCurrentPhysicalBytes "
    "numLongTermBytes numLongTermLogicalBytes numLongTermPhysicalBytes numPhysicalBytes numTimeTravelPhysicalBytes "
    "numTotalLogicalBytes numTotalPhysicalBytes"
)
_ROUNDING = "ROUNDING_MODE_UNSPECIFIED|ROUND_HALF_AWAY_FROM_ZERO"

RESOURCES = {
    "Dataset": Resource(
        enforced="datasetReference:DatasetReference location:string labels:map access:[AccessEntry] "
        "defaultTableExpirationMs:int64 defaultPartitionExpirationMs:int64",
        # Stored without effect: here time travel and storage cost nothing, and encryption would not protect the files,
        # because the keys are stored beside them.
        stored="description:string friendlyName:string maxTimeTravelHours:int64 storageBillingModel:string "
        "defaultEncryptionConfiguration:EncryptionConfiguration",
        refused=f"defaultCollation defaultRoundingMode={_ROUNDING} "
        "externalCatalogDatasetOptions externalDatasetReference isCaseInsensitive linkedDatasetSource resourceTags",
        output="catalogSource creationTime etag id kind lastModifiedTime linkedDatasetMetadata restrictions "
        "satisfiesPzi satisfiesPzs selfLink tags type",
    ),
    "AccessEntry": Resource(
        enforced="role:string userByEmail:string",
        # No caller of this cloud belongs to such a group. The project's accounts may do everything in the project.
        stored="domain:string groupByEmail:string iamMember:string specialGroup:string",
        refused="condition dataset routine view",
    ),
    "EncryptionConfiguration": Resource(stored="kmsKeyName:string"),
    "DatasetReference": Resource(enforced="projectId:string datasetId:string", required="datasetId"),
    "Table": Resource(
        enforced="tableReference:TableReference schema:TableSchema timePartitioning:TimePartitioning labels:map "
        "clustering:Clustering requirePartitionFilter:boolean expirationTime:int64 view:ViewDefinition",
        stored="description:string friendlyName:string",
        refused="biglakeConfiguration encryptionConfiguration defaultCollation "
        f"defaultRoundingMode={_ROUNDING} externalCatalogTableOptions externalDataConfiguration "
        "managedTableType=MANAGED_TABLE_TYPE_UNSPECIFIED|NATIVE materializedView maxStaleness=0-0|0-0%0%0:0:0 model "
        "partitionDefinition rangePartitioning resourceTags tableConstraints tableReplicationInfo",
        output=f"cloneDefinition creationTime etag id kind lastModifiedTime location materializedViewStatus replicas "
        f"restrictions selfLink snapshotDefinition streamingBuffer type {_SIZES}",
    ),
    "TableReference": Resource(enforced="projectId:string datasetId:string tableId:string", required="tableId"),
    "TableSchema": Resource(enforced="fields:[TableFieldSchema]", refused="foreignTypeInfo"),
    "TableFieldSchema": Resource(
        enforced="name:string type:string mode:string fields:[TableFieldSchema]",
        stored="description:string",
        refused="collation dataGovernanceTagsInfo "
        f"dataPolicies dataPolicyList defaultValueExpression foreignTypeDefinition generatedColumn "
        f"maxLength policyTags precision rangeElementType roundingMode={_ROUNDING} scale timestampPrecision=6",
        output="categories",
    ),
    "TimePartitioning": Resource(
        enforced="type:string field:string expirationMs:int64", refused="requirePartitionFilter"
    ),
    "Clustering": Resource(enforced="fields:[string]"),
    "ViewDefinition": Resource(
        enforced="query:string useLegacySql:boolean",
        stored="useExplicitColumnNames:boolean",
        refused="foreignDefinitions privacyPolicy userDefinedFunctionResources",
    ),
    "Job": Resource(
        enforced="configuration:JobConfiguration jobReference:JobReference",
        output="etag id jobCreationReason kind principal_subject selfLink statistics status user_email",
    ),
    "JobReference": Resource(enforced="projectId:string jobId:string location:string"),
    "JobConfiguration": Resource(
        enforced="query:JobConfigurationQuery load:JobConfigurationLoad copy:JobConfigurationTableCopy "
        "dryRun:boolean jobTimeoutMs:int64 labels:map",
        stored="maxSlots:integer reservation:string",  # there are no slots
        refused="extract",
        output="jobType",
    ),
    "JobConfigurationQuery": Resource(
        enforced="query:string queryParameters:[QueryParameter] parameterMode:string defaultDataset:DatasetReference "
        "destinationTable:TableReference createDisposition:string writeDisposition:string useLegacySql:boolean "
        "maximumBytesBilled:int64 schemaUpdateOptions:[string] timePartitioning:TimePartitioning "
        "clustering:Clustering",
        # Stored without effect: options for scheduling and caching, and options of legacy SQL, which is refused.
        stored="priority:string useQueryCache:boolean allowLargeResults:boolean flattenResults:boolean "
        "preserveNulls:boolean maximumBillingTier:integer writeIncrementalResults:boolean",
        refused="connectionProperties continuous createSession destinationEncryptionConfiguration rangePartitioning "
        "scriptOptions secureContext tableDefinitions userDefinedFunctionResources",
        output="systemVariables",
    ),
    "QueryParameter": Resource(
        enforced="name:string parameterType:QueryParameterType parameterValue:QueryParameterValue"
    ),
    "QueryParameterType": Resource(
        enforced="type:string arrayType:QueryParameterType structTypes:[QueryParameterStructType]",
        refused="rangeElementType timestampPrecision=6",
    ),
    "QueryParameterStructType": Resource(
        enforced="name:string type:QueryParameterType", stored="description:string", required="type"
    ),
    "QueryParameterValue": Resource(
        enforced="value:string arrayValues:[QueryParameterValue] structValues:{QueryParameterValue}",
        refused="rangeValue",
    ),
    "JobConfigurationLoad": Resource(
        enforced="destinationTable:TableReference schema:TableSchema sourceFormat:string createDisposition:string "
        "writeDisposition:string schemaUpdateOptions:[string] timePartitioning:TimePartitioning "
        "clustering:Clustering destinationTableProperties:DestinationTableProperties allowJaggedRows:boolean "
        "allowQuotedNewlines:boolean autodetect:boolean encoding:string fieldDelimiter:string quote:string "
        "ignoreUnknownValues:boolean maxBadRecords:integer nullMarker:string skipLeadingRows:integer timeZone:string "
        "parquetOptions:ParquetOptions sourceUris:[string]",
        stored="useAvroLogicalTypes:boolean",  # Avro is refused
        refused="columnNameCharacterMap=COLUMN_NAME_CHARACTER_MAP_UNSPECIFIED|STRICT connectionProperties "
        "copyFilesOnly createSession dateFormat datetimeFormat decimalTargetTypes destinationEncryptionConfiguration "
        "fileSetSpecType=FILE_SET_SPEC_TYPE_FILE_SYSTEM_MATCH hivePartitioningOptions jsonExtension nullMarkers "
        "preserveAsciiControlCharacters projectionFields rangePartitioning referenceFileSchemaUri schemaInline "
        "schemaInlineFormat sourceColumnMatch=SOURCE_COLUMN_MATCH_UNSPECIFIED|POSITION timeFormat timestampFormat "
        "timestampTargetPrecision",
    ),
    "ParquetOptions": Resource(
        enforced="enableListInference:boolean", refused="enumAsString mapTargetType=MAP_TARGET_TYPE_UNSPECIFIED"
    ),
    "DestinationTableProperties": Resource(
        enforced="labels:map", stored="description:string friendlyName:string", refused="expirationTime"
    ),
    "JobConfigurationTableCopy": Resource(
        enforced="sourceTable:TableReference sourceTables:[TableReference] destinationTable:TableReference "
        "createDisposition:string writeDisposition:string",
        refused="destinationEncryptionConfiguration destinationExpirationTime "
        "operationType=OPERATION_TYPE_UNSPECIFIED|COPY",
    ),
    "QueryRequest": Resource(
        enforced="query:string queryParameters:[QueryParameter] parameterMode:string defaultDataset:DatasetReference "
        "useLegacySql:boolean dryRun:boolean maxResults:integer timeoutMs:integer jobTimeoutMs:int64 labels:map "
        "location:string maximumBytesBilled:int64 requestId:string jobCreationMode:string "
        "formatOptions:DataFormatOptions",
        stored="useQueryCache:boolean preserveNulls:boolean maxSlots:integer reservation:string "
        "writeIncrementalResults:boolean",
        refused="arrowSerializationOptions connectionProperties continuous createSession "
        "destinationEncryptionConfiguration queryResultsFormat=QUERY_RESULTS_FORMAT_UNSPECIFIED|JSON secureContext",
        output="kind",
    ),
    "DataFormatOptions": Resource(enforced="useInt64Timestamp:boolean timestampOutputFormat:string"),
    "TableDataInsertAllRequest": Resource(
        enforced="rows:[any] ignoreUnknownValues:boolean skipInvalidRows:boolean",
        stored="traceId:string",
        refused="templateSuffix",
        output="kind",
    ),
}
